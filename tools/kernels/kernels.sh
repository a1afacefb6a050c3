#!/usr/bin/env bash
# kernels.sh: the tests on kernels, machines and sandboxes that are not this one.
# README.md beside it says what it needs and what the table means.
#
#   kernels.sh [MACHINE...]   fetches, builds, runs, and prints the table (default: all machines)
#   kernels.sh list           the machines
#   kernels.sh short          a minute or three: what this machine can run of 386 and linux6.1
#   kernels.sh table          the table of what has run so far
#
# DIR is where everything goes, half a gigabyte. TIME: seconds that a test binary may
# take, of which ONLY names some by their package; RUN and SKIP are patterns of tests.
# KEEP=1 builds only what is not there; NICE= runs guests at the usual priority; NOKVM=1
# is for a /dev/kvm that cannot run an ordinary kernel.
# Nothing here changes a setting of the machine it runs on.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
src=$(cd "$here/../.." && pwd)
DIR=${DIR:-${TMPDIR:-/tmp}/growarena-kernels}
TIME=${TIME:-600}
runsc=gvisor.dev/gvisor/runsc@v0.0.0-20260905035102-160fafc42237

# In this order: what fails first says most.
small="internal/sys addrspace fuzz/conformance internal/memfile internal/mapping internal/pageheap slab"
all="$small epoch arena pool stream follow shm track"
# The explorer and the model need compilers.
SKIP=${SKIP:-^Test(Explore|Model)}

# MACHINE KIND ARCH, and of a guest: PACKAGE of its kernel (the newest that matches),
# CPU, number of CPUs, MiB, packages to test.
machines() {
  cat <<'EOF'
native     here   amd64
onecpu     here   amd64
386        here   386
s390x-user here   s390x
gvisor     here   amd64
linux6.1   guest  amd64 linux-image-6[.]1[.]0-[0-9]+-cloud-amd64         max,la57=off       2 4096 all
linux6.12  guest  amd64 linux-image-6[.]12[.][0-9]+[+]deb12-cloud-amd64  max,la57=off       2 4096 all
la57       guest  amd64 linux-image-6[.]12[.][0-9]+[+]deb12-cloud-amd64  max,la57=on        2 3072 small
small      guest  amd64 linux-image-6[.]12[.][0-9]+[+]deb12-cloud-amd64  max,la57=off       1 512  small
guest386   guest  386   linux-image-6[.]12[.][0-9]+[+]deb12-cloud-amd64  max,la57=off       2 3072 all
arm64      guest  arm64 linux-image-6[.]12[.][0-9]+[+]deb12-cloud-arm64  max,pauth-impdef=on 2 4096 all
arm64-16k  guest  arm64 linux-image-6[.]12[.][0-9]+[+]deb12-arm64-16k    max,pauth-impdef=on 2 4096 all
s390x      guest  s390x linux-image-6[.]1[.]0-[0-9]+-s390x              max                 2 3072 all
EOF
}

die() {
  echo "kernels.sh: $*" >&2
  exit 2
}

build() { # ARCH PACKAGE...: static test binaries into bin/ARCH
  local arch=$1 p
  shift
  mkdir -p "$DIR/bin/$arch"
  for p in "$@"; do
    [ -z "${KEEP:-}" ] || [ ! -e "$DIR/bin/$arch/${p//\//_}.test" ] || continue
    (cd "$src" && CGO_ENABLED=0 GOARCH=$arch GOFLAGS=-buildvcs=false nice go test -vet=off -ldflags='-s -w' -c -o "$DIR/bin/$arch/${p//\//_}.test" "./$p" >/dev/null)
  done
}

# apt ARCH COMMAND...: apt-get or apt-cache, with a state of its own for packages of
# another architecture.
apt() {
  local arch=$1 a=$DIR/apt-$1
  shift
  if [ ! -e "$a/conf" ]; then
    mkdir -p "$a"/{state/lists/partial,cache/archives/partial}
    : >"$a/status"
    cat >"$a/conf.new" <<EOF
APT::Architecture "$arch"; APT::Architectures { "$arch"; };
Dir::State "$a/state"; Dir::State::status "$a/status"; Dir::Cache "$a/cache";
APT::Sandbox::User "";
EOF
    APT_CONFIG=$a/conf.new apt-get -qq update
    mv "$a/conf.new" "$a/conf"
  fi
  APT_CONFIG=$a/conf "$@"
}

fetch() { # ARCH PATTERN GLOB: the newest package that matches, unpacked into unpacked/NAME; prints the file in it
  local name out
  name=$(apt "$1" apt-cache search --names-only "^$2\$" | awk '{print $1}' | sort -V | tail -n 1)
  [ -n "$name" ] || die "apt offers no $2 for $1"
  out=$DIR/unpacked/$1/$name
  if [ ! -e "$out" ]; then
    rm -rf "$out.new" && mkdir -p "$out.new"
    (cd "$out.new" && apt "$1" apt-get -qq download "$name" >&2 && dpkg -x ./*.deb . && rm ./*.deb && rm -rf lib/modules usr/share)
    mv "$out.new" "$out"
  fi
  # shellcheck disable=SC2086
  ls "$out"/$3
}

guest() { # MACHINE ARCH PACKAGE CPU CPUS MIB PACKAGES
  local machine=$1 arch=$2 deb=amd64 q="qemu-system-x86_64" con=ttyS0 accel=tcg,thread=multi root p names= busybox kernel
  case $arch in
    arm64) deb=arm64 q="qemu-system-aarch64 -machine virt" con=ttyAMA0 ;;
    s390x) deb=s390x q="qemu-system-s390x -machine s390-ccw-virtio" con=ttysclp0 ;;
  esac
  command -v "${q%% *}" >/dev/null || die "$machine: ${q%% *} is not installed"
  for p in ${ONLY:-${!7}}; do names+=" ${p//\//_}"; done
  [ "$deb" != "$(dpkg --print-architecture)" ] || [ ! -w /dev/kvm ] || [ -n "${NOKVM:-}" ] || accel=kvm
  busybox=$(fetch $deb busybox-static bin/busybox)
  kernel=$(fetch $deb "$3" 'boot/vmlinuz-*')
  # shellcheck disable=SC2086
  build "$arch" ${ONLY:-${!7}}
  root=$DIR/root && rm -rf "$root" && mkdir -p "$root"/{bin,t,data/fuzz,proc,sys,dev,tmp,etc,root}
  cp "$busybox" "$root/bin/"
  cp "$here/init" "$here/one.sh" "$root/"
  for p in $names; do [ ! -e "$DIR/bin/$arch/$p.test" ] || cp "$DIR/bin/$arch/$p.test" "$root/t/"; done
  printf 'names=%q time=%q run=%q skip=%q\n' "$names" "$TIME" "${RUN:-}" "$SKIP" >"$root/settings"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
  (cd "$root" && find . | cpio -o -H newc -R 0:0 2>/dev/null >"$DIR/$machine.cpio") # Unpacking would take longer than it saves.
  rm -rf "$root"
  # shellcheck disable=SC2086
  ${NICE-nice} timeout "$((60 + 14 * TIME))" $q -accel "$accel" -cpu "$4" -smp "$5" -m "$6" -display none -monitor none -nic none \
    -serial "file:$DIR/results/$machine.log" -no-reboot -kernel "$kernel" -initrd "$DIR/$machine.cpio" \
    -append "console=$con panic=-1 quiet" </dev/null || echo "$machine: QEMU ended with code $?"
  rm "$DIR/$machine.cpio"
}

can386() {
  build 386 internal/sys
  "$DIR/bin/386/internal_sys.test" -test.run '^$' >/dev/null 2>&1
}

# short: what finds most in a minute.
short() {
  local ran=()
  if can386; then
    ONLY="internal/sys internal/pageheap epoch" TIME=60 here 386 386
    ran+=(386)
  else
    echo "386: this machine runs no 32-bit x86 programs"
  fi
  if ! command -v qemu-system-x86_64 >/dev/null || ! command -v cpio >/dev/null || ! command -v apt-get >/dev/null; then
    echo "linux6.1: QEMU, cpio or apt-get is not installed"
  elif ! (fetch amd64 "$(machines | awk '$1 == "linux6.1" { print $4 }')" 'boot/vmlinuz-*' && fetch amd64 busybox-static bin/busybox) >/dev/null; then
    echo "linux6.1: no kernel"
  else
    # shellcheck disable=SC2046
    ONLY="internal/sys fuzz/conformance" SKIP='^TestMapLimit' TIME=60 guest $(machines | awk '$1 == "linux6.1" { $2 = ""; print }')
    ran+=(linux6.1)
  fi
  [ ${#ran[@]} -eq 0 ] || table "${ran[@]}"
}

# here MACHINE ARCH: the binaries run by this kernel, by an emulator of processes, or by
# gVisor, each for the same lines as in a guest.
here() {
  local machine=$1 arch=$2 p cmd=()
  case $machine in
    onecpu) cmd=(taskset -c 0) ;;
    s390x-user) cmd=("qemu-$arch-static") ;;
    gvisor)
      [ -x "$DIR/runsc" ] || (cd "$DIR" && GOBIN=$DIR CGO_ENABLED=0 GOFLAGS= nice go install "$runsc")
      cmd=("$DIR/runsc" --rootless --network=none --ignore-cgroups --root="$DIR/runsc.root" "--platform=${PLATFORM:-systrap}" do)
      ;;
  esac
  [ ${#cmd[@]} -eq 0 ] || command -v "${cmd[0]}" >/dev/null || die "$machine: ${cmd[0]} is not installed"
  [ "$arch" != 386 ] || can386 || die "$machine: this machine runs no 32-bit x86 programs; guest386 does"
  {
    echo "GA-BEGIN $(uname -r) $arch $(if [ "$machine" = onecpu ]; then echo 1; else nproc; fi) $(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo) $(($(getconf PAGESIZE) / 1024)) 0"
    # shellcheck disable=SC2034,SC1091
    (
      time=$TIME run=${RUN:-} skip=$SKIP
      set +e
      . "$here/one.sh"
      for p in ${ONLY:-$all}; do
        cd "$src/$p" && build "$arch" "$p"
        [ ! -e "$DIR/bin/$arch/${p//\//_}.test" ] || one "${p//\//_}" nice "${cmd[@]}" "$DIR/bin/$arch/${p//\//_}.test"
      done
    )
    echo GA-END
  } >"$DIR/results/$machine.log"
}

# table prints what the logs of these machines say, and fails if a test failed.
table() {
  echo "| machine | kernel | processor | page | CPUs | memory | binaries that passed | tests passed | skipped | failed |"
  echo "|---|---|---|---|---|---|---|---|---|---|"
  local m bad=0
  for m in "$@"; do
    tr -d '\r' <"$DIR/results/$m.log" | awk -v m="$m" '
      $1 == "GA-BEGIN" { kernel = $2; arch = $3; cpus = $4; mem = $5; page = $6; if ($7 > 0) arch = arch ", 5 levels" }
      $1 == "GA-RESULT" {
        n++; pass += $4; skip += $6
        if ($3 == 0) good++
        else if ($3 == 124 || $3 == 137) bad = bad sep $2 " (not in time" ($5 ? ", " $5 " tests" : "") ")"
        else bad = bad sep $2 " (" ($5 ? $5 " tests" : "code " $3) ")"
        if (bad != "") sep = ", "
        if ($3 != 0) failed = 1
      }
      $1 == "GA-END" { ended = 1 }
      END {
        if (!ended) { bad = bad sep "the machine did not come to its end"; failed = 1 }
        printf "| %s | %s | %s | %s KiB | %s | %s MiB | %d of %d | %d | %d | %s |\n", m, kernel, arch, page, cpus, mem, good, n, pass, skip, bad == "" ? "none" : bad
        exit failed
      }' || bad=1
  done
  return $bad
}

mkdir -p "$DIR/results"
case ${1:-} in
  list) machines ;;
  short) short ;;
  table)
    # shellcheck disable=SC2046
    table $(for m in $(machines | awk '{print $1}'); do [ ! -e "$DIR/results/$m.log" ] || echo "$m"; done)
    ;;
  *)
    [ $# -gt 0 ] || set -- $(machines | awk '{print $1}')
    for m in "$@"; do
      read -r _ kind rest < <(machines | grep "^$m ") || die "no machine $m: see kernels.sh list"
      # shellcheck disable=SC2086
      "$kind" "$m" $rest
    done
    table "$@"
    ;;
esac
