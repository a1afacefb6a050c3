module github.com/growarena/growarena/benchmarks

go 1.26.0

replace github.com/growarena/growarena => ../

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0
	golang.org/x/perf v0.0.0-20260908200009-22c9c6c9d4da
	golang.org/x/sys v0.49.0
	gonum.org/v1/gonum v0.16.0
)

require github.com/aclements/go-moremath v0.0.0-20210112150236-f10218a38794 // indirect
