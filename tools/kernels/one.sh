# one NAME COMMAND...: runs a test binary in the current directory, with the settings
# time (seconds), run and skip (patterns), and says what came out. Sourced by init, in a
# guest, and by kernels.sh.
one() {
  name=$1 out=/tmp/one.$$
  shift
  began=$(cut -d. -f1 /proc/uptime) code=0
  timeout -s QUIT -k 5 "$time" "$@" -test.short -test.v -test.timeout 0 \
    ${run:+"-test.run=$run"} ${skip:+"-test.skip=$skip"} >$out 2>&1 </dev/null || code=$?
  ended=$(cut -d. -f1 /proc/uptime)
  grep -q '^SIGQUIT: quit' $out && code=124 # timeout of busybox tells the signal's code
  pass=$(grep -c '^--- PASS' $out) fail=$(grep -c '^--- FAIL' $out) skipped=$(grep -c '^--- SKIP' $out)
  echo "GA-RESULT $name $code $pass $fail $skipped $((ended - began))"
  grep -B 1 '^--- SKIP' $out | grep -vE '^(--$|--- PASS|=== )' | cut -c1-300 | sed "s/^/GA-SKIP $name /"
  if [ $code -ne 0 ]; then
    grep '^=== RUN' $out | tail -n 1 | sed "s/^/GA-OUT $name last: /"
    grep -vE '^(=== | *--- (PASS|SKIP))' $out | awk '!seen[$0]++' | head -n 150 | cut -c1-400 | sed "s/^/GA-OUT $name /"
  fi
  rm -f $out
}
