package epoch

// startReaperLocked makes sure that somebody looks at what waits or is ready:
// it establishes I3. Everything that adds to them, or takes from them so that
// the reaper may have nothing left to do, ends with it.
//
// Preconditions: d.mu is held.
func (d *Domain) startReaperLocked() {
	if d.reaping {
		d.wake.set()
		return
	}
	if d.waitingLocked() == 0 && len(d.ready) == 0 {
		return
	}
	d.reaping = true
	spawn(d.reap)
}

// reap is the reaper: it frees what can be freed, reports pins that stalled,
// and sleeps until the countdown or a writer wakes it. It returns when nothing
// waits.
func (d *Domain) reap() {
	for {
		d.mu.Lock()
		d.runLocked(d.collectLocked)
		stalls, next := d.stalledLocked()
		// Deciding to go and being gone is one step under mu, so that a
		// writer either finds a reaper that will look again or starts one. A
		// wake-up that comes when it is gone stays in the event and costs the
		// next reaper one look too many.
		done := d.waitingLocked() == 0
		if done {
			d.reaping = false
		}
		d.mu.Unlock()
		for _, s := range stalls {
			d.opts.OnStall(s)
		}
		if done {
			return
		}
		d.wake.wait(next)
	}
}

// runLocked collects and frees until nothing is Ready, and returns how many
// things it freed. d.mu is held when it is called and when it returns, but not
// while a Free runs.
func (d *Domain) runLocked(collect func()) int {
	freed := 0
	for collect(); len(d.ready) > 0; freed++ {
		d.runOneLocked()
	}
	return freed
}

// runOneLocked takes the first Ready thing to Freeing and to Gone.
//
// Preconditions: d.mu is held; something is Ready.
func (d *Domain) runOneLocked() {
	e := d.ready[0]
	d.ready = popN(d.ready, 1)
	d.held -= e.Bytes
	if e.Waiting != nil {
		e.Waiting.Add(-1)
	}
	d.openRoomLocked()
	d.mu.Unlock()
	if e.Free != nil {
		e.Free()
	}
	d.mu.Lock()
	d.goneLocked(e)
}

// goneLocked counts e as Gone and opens the barriers that waited for it last.
func (d *Domain) goneLocked(e entry) {
	d.pending--
	d.pendingBytes -= e.Bytes
	d.freed++
	d.freedBytes += e.Bytes
	kept := d.waits[:0]
	for _, b := range d.waits {
		if e.order <= b.order {
			b.left--
		}
		if b.left == 0 {
			b.gate.open()
		} else {
			kept = append(kept, b)
		}
	}
	clear(d.waits[len(kept):])
	d.waits = kept
}

// TryReclaim frees what no pinned version contains, on the caller, and returns
// how many things that were. It does not wait for readers, nor for Frees that
// run elsewhere.
func (d *Domain) TryReclaim() (freed int) {
	d.mu.Lock()
	freed = d.runLocked(d.collectLocked)
	if d.reaping && d.waitingLocked() == 0 {
		d.wake.set() // it has nothing left to do: let it go
	}
	d.mu.Unlock()
	return freed
}
