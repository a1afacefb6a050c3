// Package lint holds no code but a test: the rules of this repository that a
// machine can check, each with what to do instead in its message. Run it with
//
//	go test ./internal/lint
package lint
