// Package placement asks what it costs, and what it gives, to spread mappings over
// the address space.
//
// Windows of 2 MiB are placed in four ways: packed, one beside the other; at random
// among all addresses of 47 bits, as hints for mmap are drawn where nobody keeps
// account; and by package addrspace, as windows that may grow and as compact ones.
// Of each placement it is asked
//
//   - how often a place was looked at that turned out to be taken;
//   - how many windows something is in the way of when they grow where they are, from
//     2 to 64 MiB and to 1 GiB, one at a time;
//   - how long the longest range is that is left free;
//   - how much memory the page tables take;
//   - how long reading takes, through windows of which few pages are in use, where
//     every read misses the TLB and walks those page tables.
//
// All but the last is arithmetic on addresses and is done for up to a million windows,
// more than a kernel gives a process by default: for ours by the very code that places
// windows (internal/placement). Reads are measured in real mappings.
//
// Page tables are counted as x86-64 has them with pages of 4 KiB: a page for each
// 2 MiB, 1 GiB and 512 GiB of addresses in which something is mapped and touched.
package placement
