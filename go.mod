module github.com/growarena/growarena

go 1.26.0

require (
	github.com/google/btree v1.1.3
	golang.org/x/sys v0.49.0
)
