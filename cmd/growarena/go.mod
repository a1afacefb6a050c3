module github.com/growarena/growarena/cmd/growarena

go 1.26.0

replace github.com/growarena/growarena => ../..
