//go:build !explore

package epoch

// Mutants are deliberate mistakes, each of which the explorer must find; see
// mutants_on.go for what they do. In this build they are constants and leave
// no trace in the code.
const (
	mutNoValidate         = false
	mutSettleOnce         = false
	mutSettleSilent       = false
	mutSettleCountsEarly  = false
	mutReclaimFirst       = false
	mutOverflowUnscanned  = false
	mutListAfterScan      = false
	mutIntervalOffByOne   = false
	mutBlindUnpin         = false
	mutBlindRefresh       = false
	mutUnpinSilent        = false
	mutUnpinCountsEarly   = false
	mutNoKick             = false
	mutLateCountdown      = false
	mutNoRescan           = false
	mutCountOneTooMany    = false
	mutLateMaxDeath       = false
	mutCloseFreesAtOnce   = false
	mutRefreshForgetsSlot = false
	mutReaperLeavesLate   = false
	mutRoomSilent         = false
	mutBarrierEarly       = false
	mutSynchronizeNoBump  = false
	mutCloseKeepsCur      = false
	mutFreeInUnpin        = false
)

// A mutantState is what the mutants with a memory remember.
type mutantState struct{}

func (mutantState) publishing(*Domain)                {}
func (mutantState) tables(list *tableList) *tableList { return list }
