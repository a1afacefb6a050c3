// Follow is a follower that starts quickly: TestProcesses has a thousand of them. It follows the
// buffer of which it has inherited the files, says that it does, checks each byte as it comes, and
// writes how many there were, or what is wrong.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/growarena/growarena/shm"
)

func main() {
	n, err := check()
	if err != nil {
		fmt.Printf("after %d bytes: %v\n", n, err)
		os.Exit(1)
	}
	fmt.Println(n)
}

func check() (n int, err error) {
	files := shm.Inherited(3)
	f, err := shm.Follow(files, shm.FollowOptions{Reserve: 2 << 20, Retire: true})
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := files.Close(); err != nil {
		return 0, err
	}
	fmt.Println("following")
	for {
		if err := f.Wait(context.Background(), n+1); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		if err := f.Read(func(b []byte) error {
			for ; n < len(b); n++ {
				if want := byte(n^n>>7^n>>15^n>>23) | 1; b[n] != want {
					return fmt.Errorf("byte %d is %#x, want %#x", n, b[n], want)
				}
			}
			return nil
		}); err != nil {
			return n, err
		}
	}
}
