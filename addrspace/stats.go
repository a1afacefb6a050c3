package addrspace

// Stats is what a [Space] holds and what it has done.
type Stats struct {
	// What it holds now.

	Windows          int    // windows held
	ReservedBytes    uint64 // addresses of them
	MappedBytes      uint64 // of those, mapped to files
	VMAs             int    // kernel mappings of all that is ours
	Anchors          int    // of those, pages beside places that are used again and again
	MaxVMAs          int    // the number beyond which Reserve refuses
	Quarantined      int    // windows quarantined by their owners
	QuarantinedBytes uint64
	Stuck            int // released, but not taken back by the kernel yet
	StuckBytes       uint64
	Cached           int // released and waiting to be handed out again
	CachedBytes      uint64
	Foreign          int // foreign ranges known

	// What it has done since it was made.

	Reserves           uint64 // windows handed out
	Recycled           uint64 // of those, out of the cache
	KernelPlaced       uint64 // of those, where the kernel chose
	Refused            uint64 // reservations refused
	Hints              uint64 // places asked of the kernel
	RegistryCollisions uint64 // random places given up without asking it
	KernelCollisions   uint64 // places where it knew of somebody else (EEXIST)
	GapSearches        uint64 // times all gaps were looked at
	ForeignLearned     uint64 // foreign ranges learned
	Extends            uint64 // windows made longer in place
	ExtendsRefused     uint64
	Evicted            uint64 // cached windows given back
	Retried            uint64 // attempts to give stuck ones back
	AdviceIgnored      uint64 // names and advice against dumping the kernel did not take
}

// Stats returns the counters, all of one moment but MappedBytes, which other
// goroutines may be changing. It takes the lock that reservations take, and
// counts nothing anew.
func (s *Space) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.stats
	t.VMAs, t.MaxVMAs = s.vmas, s.vmasMax
	if !s.ready {
		t.MaxVMAs = s.readMaxVMAs()
	}
	t.Cached, t.CachedBytes = s.cache.count, s.cache.bytes
	t.RegistryCollisions, t.GapSearches = s.pl.misses, s.pl.searches
	t.Stuck = len(s.stuck)
	for _, p := range s.stuck {
		t.StuckBytes += uint64(p.len())
	}
	t.MappedBytes = uint64(s.mapped.Load())
	return t
}
