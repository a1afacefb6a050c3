package work

import (
	"runtime/debug"
	"slices"
)

// Race says why mappings at random places are not made in a race build, "" in
// others.
func Race() string {
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return "the race detector maps its memory over whatever it meets"
	}
	return ""
}
