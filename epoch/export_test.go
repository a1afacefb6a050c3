package epoch

// VersionMax is the last version.
const VersionMax = versionMax

// SetVersion makes d continue with version v, to reach the end of the versions.
func (d *Domain) SetVersion(v uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version = v
	d.cur.Store(&view{value: d.valueLocked(), version: v})
}

// Reaping reports whether a reaper exists.
func (d *Domain) Reaping() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reaping
}

// Idle reports that nothing waits or is ready, no unpin is counted and no
// reaper exists.
func (d *Domain) Idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waitingLocked() == 0 && len(d.ready) == 0 && d.pending == 0 && !d.reaping && d.want.Load() == 0
}

// Scans returns how many scans were made.
func (d *Domain) Scans() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.scans
}
