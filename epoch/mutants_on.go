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

// A mutantState is what the mutants with a memory remember.
type mutantState struct{ list *tableList }

// publishing is called before a version is published.
func (m *mutantState) publishing(d *Domain) {
	if mutTablesBeforeList {
		m.list = d.over.Load()
	}
}

// tables returns the overflow tables to scan, list being the right ones.
func (m *mutantState) tables(list *tableList) *tableList {
	if mutTablesBeforeList {
		return m.list
	}
	return list
}

// mutants are the mutants by name, each with the scenario that finds it soonest.
var mutants = []struct {
	name     string
	on       *bool
	scenario string
}{
	{"no validate", &mutNoValidate, "pin twice against publish"},
	{"settle once", &mutSettleOnce, "pin against publish"},
	{"settle silent", &mutSettleSilent, "idle tail of a refresh and an unpin"},
	{"settle counts early", &mutSettleCountsEarly, "idle tail of a refresh and an unpin"},
	{"reclaim before publish", &mutReclaimFirst, "pin twice against publish"},
	{"overflow not scanned", &mutOverflowUnscanned, "nested"},
	{"tables before list", &mutTablesBeforeList, "nested"},
	{"list after scan", &mutListAfterScan, "reader and writer beside a scan"},
	{"interval off by one", &mutIntervalOffByOne, "nested"},
	{"blind unpin", &mutBlindUnpin, "copy unpinned twice"},
	{"blind refresh", &mutBlindRefresh, "copy refreshed and unpinned"},
	{"unpin silent", &mutUnpinSilent, "barrier"},
	{"unpin counts early", &mutUnpinCountsEarly, "barrier"},
	{"no kick", &mutNoKick, "barrier"},
	{"late countdown", &mutLateCountdown, "barrier"},
	{"no rescan", &mutNoRescan, "barrier"},
	{"count one too many", &mutCountOneTooMany, "barrier"},
	{"late max death", &mutLateMaxDeath, "barrier"},
	{"close frees at once", &mutCloseFreesAtOnce, "refresh against close"},
	{"refresh forgets the slot", &mutRefreshForgetsSlot, "refresh against close"},
	{"reaper leaves late", &mutReaperLeavesLate, "reaper starts and leaves"},
	{"room silent", &mutRoomSilent, "limit, wait for room"},
	{"barrier early", &mutBarrierEarly, "two barriers and a writer"},
	{"synchronize without bump", &mutSynchronizeNoBump, "synchronize without publish"},
	{"close keeps cur", &mutCloseKeepsCur, "pin against close"},
	{"free in unpin", &mutFreeInUnpin, "barrier"},
}
