package servers

import (
	"errors"
	"sync"
	"testing"
)

func TestAPortBelongsToOneTestUntilItEnds(t *testing.T) {
	t.Parallel()
	var mutex sync.Mutex
	seen := map[int]bool{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				port := FreePort(t)
				mutex.Lock()
				if seen[port] {
					t.Errorf("port %d was given twice", port)
				}
				seen[port] = true
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	var port int
	t.Run("that ends", func(t *testing.T) {
		port = FreePort(t)
		if _, err := reserve(port); !errors.Is(err, errTaken) {
			t.Errorf("port %d, which the test has, could be reserved: %v", port, err)
		}
	})
	release, err := reserve(port)
	if err != nil {
		t.Fatalf("port %d of a test that has ended: %v", port, err)
	}
	release()
}
