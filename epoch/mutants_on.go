//go:build explore

package epoch

// The mutants: one deliberate mistake each, switched on by name. A test sees
// to it that the explorer finds every one of them, and a new atomic operation
// needs a new one.
var (
	mutNoValidate         bool // Pin does not look at cur again
	mutSettleOnce         bool // settle moves to the newer version without looking again
	mutSettleSilent       bool // settle does not count the version it leaves
	mutSettleCountsEarly  bool // settle counts it before it has left it
	mutReclaimFirst       bool // Publish frees before it publishes
	mutOverflowUnscanned  bool // scans read the first table only
	mutTablesBeforeList   bool // a scan uses the tables known before what it is for was unlinked
	mutListAfterScan      bool // things retired after the scan are judged by it
	mutIntervalOffByOne   bool // a thing is not held by pins of its birth
	mutBlindUnpin         bool // Unpin does not look at the word
	mutBlindRefresh       bool // nor Refresh
	mutUnpinSilent        bool // Unpin does not count
	mutUnpinCountsEarly   bool // Unpin counts before it has left
	mutNoKick             bool // the deciding unpin wakes nobody
	mutLateCountdown      bool // the countdown starts after the scan
	mutNoRescan           bool // unpins during the scan are enough, but nobody looks
	mutCountOneTooMany    bool // the countdown asks for one unpin more than there are
	mutLateMaxDeath       bool // maxDeath is raised after the scan
	mutCloseFreesAtOnce   bool // Close frees whoever is pinned
	mutRefreshForgetsSlot bool // Refresh in a closed domain drops the guard but not the pin
	mutReaperLeavesLate   bool // the reaper decides to go and goes in two steps
	mutRoomSilent         bool // PublishWait is not woken
	mutBarrierEarly       bool // Barrier does not wait for Free to return
	mutSynchronizeNoBump  bool // Synchronize waits for older versions only
	mutCloseKeepsCur      bool // Close frees before it unpublishes
	mutFreeInUnpin        bool // Unpin frees by itself
)

// mutants are the mutants by name.
var mutants = map[string]*bool{
	"no validate":              &mutNoValidate,
	"settle once":              &mutSettleOnce,
	"settle silent":            &mutSettleSilent,
	"settle counts early":      &mutSettleCountsEarly,
	"reclaim before publish":   &mutReclaimFirst,
	"overflow not scanned":     &mutOverflowUnscanned,
	"tables before list":       &mutTablesBeforeList,
	"list after scan":          &mutListAfterScan,
	"interval off by one":      &mutIntervalOffByOne,
	"blind unpin":              &mutBlindUnpin,
	"blind refresh":            &mutBlindRefresh,
	"unpin silent":             &mutUnpinSilent,
	"unpin counts early":       &mutUnpinCountsEarly,
	"no kick":                  &mutNoKick,
	"late countdown":           &mutLateCountdown,
	"no rescan":                &mutNoRescan,
	"count one too many":       &mutCountOneTooMany,
	"late max death":           &mutLateMaxDeath,
	"close frees at once":      &mutCloseFreesAtOnce,
	"refresh forgets the slot": &mutRefreshForgetsSlot,
	"reaper leaves late":       &mutReaperLeavesLate,
	"room silent":              &mutRoomSilent,
	"barrier early":            &mutBarrierEarly,
	"synchronize without bump": &mutSynchronizeNoBump,
	"close keeps cur":          &mutCloseKeepsCur,
	"free in unpin":            &mutFreeInUnpin,
}
