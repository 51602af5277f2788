// A program whose goroutines run while it waits.
package main

import (
	"fmt"
	"time"
)

func main() {
	for range 4 {
		go func() {
			for n := 0; ; n++ {
				if n%1_000_000 == 0 {
					time.Sleep(time.Microsecond)
				}
			}
		}()
	}
	time.Sleep(10 * time.Millisecond)
	fmt.Println("ready")
	time.Sleep(time.Hour)
}
