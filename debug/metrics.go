package debug

import (
	"strconv"

	"github.com/growarena/growarena/arena"
)

func (f *families) slab(a *slabState) {
	l, s := []string{"name", a.Name}, &a.Stats
	if !f.is("slabs", &a.label, l) {
		return
	}
	f.gauge("slab_live_bytes", "Objects in use.", s.Live, l...)
	f.gauge("slab_objects", "Objects in use, by number.", s.Objects, l...)
	f.gauge("slab_charged_bytes", "Spans and large objects.", s.Charged, l...)
	f.gauge("slab_free_page_bytes", "Free pages.", s.FreePages, l...)
	f.gauge("slab_kept_bytes", "Free pages that may have memory.", s.Kept, l...)
	f.gauge("slab_held_bytes", "Pages that debug mode keeps from being used.", s.Held, l...)
	f.gauge("slab_returned_bytes", "Pages given back to the system so far.", s.Returned, l...)
	f.gauge("slab_refused", "Times the system refused to take pages back.", s.Refused, l...)
	for _, c := range s.Classes {
		l := append(l[:2:2], "size", strconv.Itoa(c.Size))
		f.gauge("slab_class_spans", "Spans of a size class.", c.Spans, l...)
		f.gauge("slab_class_bytes", "Bytes of the spans of a size class.", c.Bytes, l...)
		f.gauge("slab_class_objects", "Objects in use of a size class.", c.Objects, l...)
		f.gauge("slab_class_free_bytes", "Bytes of a size class that are not in use.", c.Free, l...)
	}
}

func (f *families) follower(a *followerState) {
	l, ok := f.holds(&a.thing)
	if !ok {
		return
	}
	s := &a.Stats
	f.length(s.Len, s.Cap, l)
	f.windows(s.Windows, s.Kept, l)
	f.growth(s.Growth, l)
}

func (f *families) shmWriter(a *shmWriterState) {
	l := []string{"name", a.Name}
	if !f.is("shm_writers", &a.label, l) {
		return
	}
	f.gauge("shm_published_bytes", "End of what followers can read.", a.Stats.Published, l...)
	f.gauge("shm_front_bytes", "Where that begins.", a.Stats.Front, l...)
	f.gauge("shm_generation", "How many writers the buffer has had.", int(a.Stats.Generation), l...)
}

func (f *families) shmFollower(a *shmFollowerState) {
	l := []string{"name", a.Name}
	if !f.is("shm_followers", &a.label, l) {
		return
	}
	f.gauge("shm_followed_bytes", "What could be read when somebody last looked.", a.Len, l...)
	f.gauge("shm_writer_alive", "How many of the followers have a writer that lives.", oneIf(a.Alive), l...)
}

func (f *families) tracker(a *trackerState) {
	l := []string{"kind", a.Kind, "name", a.Name}
	if !f.is("trackers", &a.label, l) {
		return
	}
	f.tracked(a.Stats.Bytes, a.Stats.Written, l)
	f.gauge("tracked_reports", "Times that was reported, of trackers that live.", a.Stats.Reports, l...)
	f.gauge("tracked_reported_bytes", "Bytes that were reported, of trackers that live.", a.Stats.Reported, l...)
}

func (f *families) tracked(n, written int, l []string) {
	f.gauge("tracked_bytes", "Memory whose writes are tracked.", n, l...)
	f.gauge("tracked_written_bytes", "Of that, written since it was last copied or reported.", written, l...)
}

// tracking adds what is known of an arena of n bytes that is tracked.
func (f *families) tracking(n int, s *arena.TrackStats, l []string) {
	f.tracked(n, s.Written, l)
	f.gauge("checkpoints", "Checkpoints made of arenas that are tracked.", s.Checkpoints, l...)
	f.gauge("checkpoint_length_bytes", "Length of the last one.", s.Last.Len, l...)
	f.gauge("checkpoint_copied_bytes", "What the last one has copied.", int(s.Last.Copied), l...)
	f.add("gauge", "growarena_checkpoint_pause_seconds", "How long the last one has stopped the writers.", s.Last.Pause.Seconds(), l...)
}

func (f *families) domain(d *domainState) {
	l, s := []string{"domain", d.Name}, &d.Stats
	if !f.is("domains", &d.label, l) {
		return
	}
	f.gauge("pinned", "Guards and Locals that are pinned.", s.Pinned, l...)
	f.gauge("stalled", "Pins that have kept something from being freed for too long.", s.Stalled, l...)
	f.gauge("lost_guards", "Guards that were lost.", s.Lost, l...)
	f.gauge("retired", "Things that wait to be freed.", s.Retired, l...)
	f.gauge("retired_bytes", "Bytes that wait to be freed.", int(s.RetiredBytes), l...)
	f.gauge("freed", "Things freed so far, of domains that live.", int(s.Freed), l...)
	f.gauge("freed_bytes", "Bytes freed so far, of domains that live.", int(s.FreedBytes), l...)
	f.gauge("domain_slots", "Slots for pins.", s.Slots, l...)
}

func (f *families) space(p *spaceState) {
	l, s := []string{"space", p.Name}, &p.Stats
	if !f.is("spaces", &p.label, l) {
		return // A counter does not go back to 0.
	}
	f.gauge("space_windows", "Windows held.", s.Windows, l...)
	f.gauge("space_reserved_bytes", "Addresses of them.", int(s.ReservedBytes), l...)
	f.gauge("space_mapped_bytes", "Of those, mapped to files.", int(s.MappedBytes), l...)
	f.gauge("space_vmas", "Kernel mappings.", s.VMAs, l...)
	f.gauge("space_max_vmas", "Kernel mappings beyond which Reserve refuses.", s.MaxVMAs, l...)
	f.gauge("space_quarantined_bytes", "Windows quarantined by their owners.", int(s.QuarantinedBytes), l...)
	f.gauge("space_stuck_bytes", "Released, but not taken back by the kernel.", int(s.StuckBytes), l...)
	f.gauge("space_cached_bytes", "Released, and waiting to be handed out again.", int(s.CachedBytes), l...)
	f.gauge("space_foreign", "Foreign ranges known.", s.Foreign, l...)
	f.counter("space_reserves_total", "Windows handed out.", s.Reserves, l...)
	f.counter("space_recycled_total", "Of those, out of the cache.", s.Recycled, l...)
	f.counter("space_refused_total", "Reservations refused.", s.Refused, l...)
	f.counter("space_collisions_total", "Places where the kernel knew of somebody else.", s.KernelCollisions, l...)
	f.counter("space_extends_total", "Windows made longer in place.", s.Extends, l...)
	f.counter("space_extends_refused_total", "Windows that could not be made longer in place.", s.ExtendsRefused, l...)
}
