// Package faults is for those who change growarena: it makes the system calls of
// every public operation fail.
//
// It holds tests only. Its table lists operations of addrspace, arena, slab, stream and others,
// each with a scene to run it in. A dry run counts the system calls of an
// operation; then
//
//	denied  all of a kind fail, as where a system or a filter does not have it
//	one     each of them fails, with each errno it can fail with
//	pair    and after it another one, of those that are made then
//	burst   and the next ones with it, up to all that follow
//
// so that also the paths that undo a failure, and the fallbacks, are cut off.
// Whatever happens, the contents and the slices of the scene are right, and no
// window, descriptor or goroutine is left in the end. After an error all is as it
// was, and the operation succeeds when it is repeated; otherwise it is done, and
// done once more. Package epoch makes no system calls (internal/lint checks that
// it cannot), so it is here as far as others retire through it.
//
// TestComplete lists what the packages export and fails for what is neither in
// the table nor in the list of what makes no system call, and that list is
// checked by a hook.
package faults
