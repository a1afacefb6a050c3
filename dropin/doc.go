// Package dropin holds no code: its tests plug growarena into the interfaces of
// other libraries, against the real libraries.
package dropin
