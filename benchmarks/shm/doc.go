// Package shm has one process publish bytes and others see them: how soon, how many, and what
// growing costs both sides.
package shm
