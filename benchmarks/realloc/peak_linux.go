package realloc

import "os"

// resetPeak makes the process's peak memory what it is now (proc_pid_clear_refs(5)),
// for a process that has done something else before. Where that is not allowed,
// only the first case of a process has the right peak.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }
