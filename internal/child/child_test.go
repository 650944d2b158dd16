package child_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/child"
)

// limit of the children in these tests: enough for a Go program, and little for a hog.
const limit = 96 << 20

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "child" {
		serve := func() error { return work(os.Args[2]) }
		if os.Args[2] == "call" {
			serve = serveCall
		}
		if err := serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return
	}
	os.Exit(m.Run())
}

// fault is how a process ends whose garbage collector got no memory, as it was seen with Go 1.26. When that happens depends on timing.
const fault = `SIGSEGV: segmentation violation
PC=0x43453d m=3 sigcode=1 addr=0x0

goroutine 0 gp=0x39dfa572d2c0 m=3 mp=0x39dfa577f008 [idle]:
runtime.(*spanQueue).tryDrain(0x39df00004000?, 0x43501e?, 0xa8524000?)
`

// work of a child, by its name. It says "ready" first.
func work(name string) error {
	connection, err := child.Enter()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(connection, "ready"); err != nil {
		return err
	}
	request, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	switch name {
	case "echo":
		_, err = fmt.Fprint(connection, request)
	case "one large allocation":
		kept := make([]byte, 8<<30)
		kept[len(kept)-1] = 1
		fmt.Fprint(connection, len(kept))
	case "most of the limit":
		kept := make([]byte, limit*3/4)
		for i := range kept {
			kept[i] = 1
		}
		_, err = fmt.Fprintln(connection, len(kept))
	case "many small allocations":
		var kept [][]byte
		for {
			kept = append(kept, make([]byte, 1<<10))
			if kept == nil {
				return nil
			}
		}
	case "deep recursion":
		fmt.Fprint(connection, recurse(1<<40))
	case "endless loop":
		for n := 0; ; n++ {
			if n < 0 {
				fmt.Fprint(connection, n)
			}
		}
	case "a fault of the runtime":
		_, _ = fmt.Fprint(os.Stderr, fault)
		os.Exit(2)
	case "a nil pointer":
		var none *bufio.Reader
		_, err = none.ReadByte()
	case "panic":
		panic("a bug")
	case "exit":
		return errors.New("no reason")
	case "waits":
		_, err = io.Copy(io.Discard, connection)
	}
	return err
}

func recurse(n int) int {
	if n == 0 {
		return 0
	}
	var frame [1 << 10]byte
	frame[n%len(frame)] = 1
	return recurse(n-1) + int(frame[n%len(frame)])
}

func command(name string) child.Command {
	return child.Command{Path: os.Args[0], Args: []string{"child", name}, Memory: limit, Processors: 1}
}

// ask sends a line and returns what the child answers until it closes the connection.
func ask(answer *string) func(io.ReadWriteCloser) error {
	return func(connection io.ReadWriteCloser) error {
		lines := bufio.NewReader(connection)
		if ready, err := lines.ReadString('\n'); err != nil || ready != "ready\n" {
			return fmt.Errorf("the child said %q: %w", ready, err)
		}
		if _, err := fmt.Fprintln(connection, "hello"); err != nil {
			return err
		}
		text, err := lines.ReadString('\n')
		*answer = text
		return err
	}
}

func TestAChildAnswersItsParent(t *testing.T) {
	var answer string
	if err := command("echo").Run(t.Context(), ask(&answer)); err != nil || answer != "hello\n" {
		t.Errorf("answer %q, error %v", answer, err)
	}
}

func TestThePeakOfAChildIsNotThatOfItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the peak is not known")
	}
	ballast := make([]byte, 2*limit)
	for i := range ballast {
		ballast[i] = 1
	}
	var peak int64
	waits := command("waits")
	waits.Ended = func(used int64) { peak = used }
	err := waits.Run(t.Context(), func(connection io.ReadWriteCloser) error {
		_, err := bufio.NewReader(connection).ReadString('\n')
		return err
	})
	if err != nil || peak < 1<<20 || peak > limit {
		t.Errorf("%d bytes, error %v", peak, err)
	}
	runtime.KeepAlive(ballast)
}

func TestAChildCanUseItsMemoryLimit(t *testing.T) {
	var answer string
	if err := command("most of the limit").Run(t.Context(), ask(&answer)); err != nil || answer != fmt.Sprintln(limit*3/4) {
		t.Errorf("answer %q, error %v", answer, err)
	}
}

func TestAChildThatNeedsMoreThanItsMemoryLimitEndsAndTheParentGoesOn(t *testing.T) {
	for _, name := range []string{"one large allocation", "many small allocations", "deep recursion", "a fault of the runtime"} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var answer string
			if err := command(name).Run(t.Context(), ask(&answer)); !errors.Is(err, child.ErrMemory) {
				t.Errorf("answer %q, error %v; want ErrMemory", answer, err)
			}
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
				t.Errorf("the parent allocated %d bytes", grown)
			}
		})
	}
}

func TestAChildIsKilledAtItsDeadlineWhateverItDoes(t *testing.T) {
	for _, name := range []string{"endless loop", "waits"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, child.ErrDeadline)
			defer cancel()
			var answer string
			if err := command(name).Run(ctx, ask(&answer)); !errors.Is(err, child.ErrDeadline) {
				t.Errorf("answer %q, error %v; want ErrDeadline", answer, err)
			}
		})
	}
}

func TestCancellingTheParentEndsItsChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var answer string
	err := command("waits").Run(ctx, func(connection io.ReadWriteCloser) error {
		cancel()
		return ask(&answer)(connection)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestAChildThatEndsEarlyIsACrashWithItsFirstLine(t *testing.T) {
	for name, want := range map[string]string{
		"panic": "panic: a bug", "exit": "no reason", "a nil pointer": "panic: runtime error: invalid memory address",
	} {
		t.Run(name, func(t *testing.T) {
			var answer string
			err := command(name).Run(t.Context(), ask(&answer))
			crash := (*child.CrashError)(nil)
			if !errors.As(err, &crash) || !strings.HasPrefix(crash.Text, want) || !strings.HasPrefix(crash.State, "exit status") {
				t.Errorf("error %v, want a crash with %q", err, want)
			}
		})
	}
}

func TestAConversationThatFailsEndsTheChildAndKeepsItsError(t *testing.T) {
	refused := errors.New("refused")
	for _, name := range []string{"waits", "endless loop"} {
		err := command(name).Run(t.Context(), func(connection io.ReadWriteCloser) error {
			if _, err := fmt.Fprintln(connection, "hello"); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestAProgramThatDoesNotExistIsAnError(t *testing.T) {
	c := child.Command{Path: "/does/not/exist"}
	err := c.Run(t.Context(), func(io.ReadWriteCloser) error { return nil })
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// BenchmarkStart measures a child from its start to its end.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		var answer string
		if err := command("echo").Run(b.Context(), ask(&answer)); err != nil {
			b.Fatal(err)
		}
	}
}
