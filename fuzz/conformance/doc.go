// Package conformance is for those who change growarena, or port it to another
// kernel: it holds the facts about the kernel that the library's promises
// rest on, as tests of the kernel. No code of ours but package internal/sys takes
// part in most of them.
//
// A test's name says the fact, its comment which promise of ours rests on it. Where
// the kernel lacks a feature, found out by trying and not by its version, the test
// is skipped: the library then does without, or its constructors say so. A test that
// fails means that this kernel does something that the library does not expect.
package conformance
