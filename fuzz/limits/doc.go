// Package limits is for those who change growarena, and shows its users what happens
// when something runs out. It meets the limits of the system for real, in processes of their own:
// addresses, descriptors, lengths of files, kernel mappings, a memory cgroup, a full
// file system. At each of them what the documentation says has to happen: an error that
// names the limit and what to change, with nothing lost, and a Go runtime that goes on;
// or a fault at the right address; or the end that cannot be helped.
//
// It holds tests only. What this machine does not allow to be set up is skipped, with
// the reason.
package limits
