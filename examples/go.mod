module github.com/growarena/growarena/examples

go 1.26.0

replace github.com/growarena/growarena => ../

require github.com/growarena/growarena v0.0.0

require (
	github.com/google/btree v1.1.3 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
