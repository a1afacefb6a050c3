package testutil

import "time"

// NoStall is epoch.Options.StallAfter of tests of wake-ups: a reaper that waits for a pin looks
// again when the pin may have stalled, which would hide a wake-up that is missing.
const NoStall = time.Hour
