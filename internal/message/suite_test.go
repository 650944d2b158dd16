package message

import (
	"context"
	"fmt"
	"os"
	"testing"

	"kubeops.io/kubeops/internal/child"
)

// Kinds of children that the tests start.
const (
	serves = "serves"
	hog    = "hog"
	loops  = "loops"
	dies   = "dies"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "child" {
		if err := serve(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return
	}
	os.Exit(m.Run())
}

// serve is the main function of a child of a kind.
func serve(kind string) error {
	connection, err := child.Enter()
	if err != nil {
		return err
	}
	switch kind {
	case hog:
		kept := make([]byte, 8<<30)
		fmt.Fprint(connection, len(kept))
	case loops:
		for n := 0; ; n++ {
			if n < 0 {
				fmt.Fprint(connection, n)
			}
		}
	case dies:
		panic("hunter2")
	}
	return Serve(context.Background(), connection)
}

// command starts a child of a kind.
func command(kind string) child.Command {
	return child.Command{Path: os.Args[0], Args: []string{"child", kind}, Memory: Memory, Processors: 1}
}
