package event

import (
	"strings"
	"testing"
)

// traces are what programs write for one error, by kind, with a part of the message that tells what failed.
func traces() map[string][2]string {
	return map[string][2]string{
		"Java, with a suppressed exception": {
			"2026-01-15 12:00:00 ERROR Order failed\ncom.shop.OrderException: no room\n\tat com.shop.Order.place(Order.java:12)\n" +
				"\tSuppressed: java.io.IOException: close\n\t\tat com.shop.Order.close(Order.java:20)\n" +
				"Caused by: java.net.SocketException: reset\n\t... 3 common frames omitted",
			"java.net.SocketException: reset",
		},
		"Java, not indented": {
			"ERROR Order failed\ncom.shop.OrderException: no room\nat com.shop.Order.place(Order.java:12)\nat com.shop.Main.main(Main.java:3)\n" +
				"Caused by: java.net.SocketException: reset\nat com.shop.Net.read(Net.java:7)",
			"java.net.SocketException: reset",
		},
		"Java, each line with a header": {
			"2026-01-15 12:00:00 ERROR Order failed\n2026-01-15 12:00:00 ERROR \tat com.shop.Order.place(Order.java:12)\n" +
				"2026-01-15 12:00:00 ERROR Caused by: java.net.SocketException: reset\n2026-01-15 12:00:00 ERROR \t... 3 more",
			"java.net.SocketException: reset",
		},
		"Python, exceptions that follow from each other": {
			"Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in f\n    g()\nKeyError: 'room'\n\n" +
				"The above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n" +
				"  File \"/app/b.py\", line 9, in h\n    f()\n    ^^^\nshop.OrderError: no room",
			"shop.OrderError: no room",
		},
		"Python, asyncio": {
			"ERROR:asyncio:Task exception was never retrieved\nfuture: <Task finished name='Task-7' exception=OrderError('no room')>\n" +
				"Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in f\nshop.OrderError: no room",
			"shop.OrderError: no room",
		},
		"Go, a panic that was raised again": {
			"panic: no room [recovered]\n\tpanic: no room\n\ngoroutine 7 [running]:\npanic({0x4a2f60?, 0x4e4d28?})\n" +
				"\t/usr/lib/go/src/runtime/panic.go:884 +0x212\nmain.place(...)\n\t/app/order.go:12\nmain.main()\n\t/app/main.go:3 +0x1d",
			"no room",
		},
		"Go, a signal": {
			"panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\n" +
				"goroutine 1 gp=0xc000002380 m=0 mp=0x5a6b20 [running]:\nmain.(*Order).Place(0x0)\n\t/app/order.go:12 +0x1d\nexit status 2",
			"nil pointer dereference",
		},
		"Go, all goroutines asleep": {
			"fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/app/main.go:7 +0x2d\n\n" +
				"goroutine 5 [select]:\nshop/order.(*Queue).run(0xc00001c0a8)\n\t/app/order/queue.go:30 +0x8f\ncreated by shop/order.New in goroutine 1\n\t/app/order/queue.go:20 +0x7b",
			"deadlock",
		},
		"Go, zap with its stack": {
			"2026-01-15T12:00:00.123Z\tERROR\torder\torder failed\t{\"id\": 7, \"error\": \"no room\"}\nshop/order.(*Service).Place\n\t/app/order/service.go:12\n" +
				"shop/api.Handler.func1\n\t/app/api/handler.go:30\nruntime.goexit\n\t/usr/lib/go/src/runtime/asm_amd64.s:1650",
			"no room",
		},
		"Go, an error with %+v": {
			"time=2026-01-15T12:00:00Z level=ERROR msg=\"order failed: no room\"\nshop/order.Place\n\t/app/order/service.go:12\nmain.main\n\t/app/main.go:3",
			"no room",
		},
		"Node.js, uncaught": {
			"/app/order.js:12\n    throw new OrderError('no room');\n    ^\n\nOrderError: no room\n    at place (/app/order.js:12:11)\n" +
				"    at Object.<anonymous> (/app/main.js:3:1) {\n  code: 'ROOM',\n  [cause]: Error: full\n      at fill (/app/order.js:3:1)\n}",
			"OrderError: no room",
		},
		"Node.js, a rejected promise": {
			"node:internal/process/promises:288\n            triggerUncaughtException(err, true /* fromPromise */);\n            ^\n\n" +
				"TypeError: cart is undefined\n    at place (/app/order.js:12:11)\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
			"TypeError: cart is undefined",
		},
		".NET, uncaught": {
			"Unhandled exception. System.InvalidOperationException: no room\n ---> System.IO.IOException: full\n   at Shop.Disk.Write() in /src/Disk.cs:line 3\n" +
				"   --- End of inner exception stack trace ---\n   at Shop.Order.Place() in /src/Order.cs:line 12",
			"System.IO.IOException: full",
		},
		".NET, logged": {
			"fail: Shop.Orders[0]\n      Order failed\n      System.InvalidOperationException: no room\n         at Shop.Order.Place() in /src/Order.cs:line 12\n" +
				"         at Shop.Program.Main() in /src/Program.cs:line 3",
			"Order failed | System.InvalidOperationException: no room",
		},
		"PHP": {
			"PHP Fatal error:  Uncaught RuntimeException: no room in /app/order.php:12\nStack trace:\n#0 /app/main.php(3): place()\n#1 {main}\n" +
				"  thrown in /app/order.php on line 12",
			"RuntimeException: no room",
		},
		"PHP, Monolog": {
			"[2026-01-15 12:00:00] production.ERROR: no room {\"exception\":\"[object] (RuntimeException(code: 0): no room at /app/order.php:12)\n[stacktrace]\n" +
				"#0 /app/main.php(3): place()\n#1 {main}\n\"}",
			"no room",
		},
		"Rust, a panic": {
			"thread 'main' panicked at src/order.rs:12:5:\nno room for order 7\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/1/library/std/src/panicking.rs:697:5\n" +
				"   1: shop::order::place\nnote: run with `RUST_BACKTRACE=full` environment variable to display a verbose backtrace",
			"no room for order 7",
		},
		"Rust, an error with causes": {
			"Error: order failed\n\nCaused by:\n    0: no room\n    1: disk is full (os error 28)\n\nStack backtrace:\n   0: anyhow::error::new\n   1: shop::main",
			"order failed",
		},
		"Ruby": {
			"/app/order.rb:12:in `place': no room (RuntimeError)\n\tfrom /app/order.rb:30:in `block in run'\n\tfrom /app/main.rb:3:in `<main>'",
			"no room",
		},
		"Ruby on Rails": {
			"FATAL -- : RuntimeError (no room):\n\napp/models/order.rb:12:in `place'\napp/controllers/orders_controller.rb:7:in `create'",
			"no room",
		},
		"Elixir": {
			"12:00:00.123 [error] GenServer Shop.Order terminating\n** (RuntimeError) no room\n    (shop 1.0.0) lib/order.ex:12: Shop.Order.handle_call/3\n" +
				"    (stdlib 5.0) gen_server.erl:1113: :gen_server.try_handle_call/4\nLast message (from #PID<0.7.0>): :place\nState: %{room: 0}",
			"** (RuntimeError) no room",
		},
		"C++": {"terminate called after throwing an instance of 'std::runtime_error'\n  what():  no room\nAborted (core dumped)", "std::runtime_error"},
		"Lua": {
			"[error] runtime error: order.lua:12: no room\nstack traceback:\n\t[C]: in function 'error'\n\torder.lua:12: in function 'place'",
			"no room",
		},
	}
}

func TestAnErrorOfEachKindIsOneEvent(t *testing.T) {
	t.Parallel()
	if len(traces()) < 21 {
		t.Fatal("the goal is stated for 21 kinds")
	}
	for name, trace := range traces() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := fold("12:00:00 INFO before\n" + trace[0] + "\n2026-01-15 12:00:00 INFO after the order\nplain text after it")
			if len(events) != 4 || events[1].Level < Error || !strings.Contains(events[1].Message, trace[1]) {
				t.Fatalf("%d events, want 4 of which the second has %q:\n%s", len(events), trace[1], told(events))
			}
			if want := strings.Count(trace[0], "\n") + 1; events[1].Lines != want {
				t.Errorf("%d lines, want %d", events[1].Lines, want)
			}
		})
	}
}

func TestTheLevelOfEachFormatIsRecognized(t *testing.T) {
	t.Parallel()
	formats := map[string]Level{
		"2026-01-15 12:00:00,123 ERROR [main] shop.Order - no room": Error,
		"12:00:00.123 [main] WARN  shop.Order -- no room":           Warn,
		"SEVERE: no room": Error,
		"2026-01-15 12:00:00.123  WARN 1 --- [nio-8080-exec-1] c.e.shop.Order : no room": Warn,
		"[error] no room":              Error,
		"[core:error] [pid 7] no room": Error,
		"[Thu Jan 15 12:00:00.123456 2026] [proxy:warn] [pid 7:tid 8] no room":   Warn,
		"2026/01/15 12:00:00 [crit] 7#7: no room":                                Fatal,
		"E0115 12:00:00.123456       1 order.go:12] no room":                     Error,
		"W0115 12:00:00.123456       1 order.go:12] little room":                 Warn,
		"01-15 12:00:00.123  1702  2395 E Orders: no room":                       Error,
		"E/Orders( 1702): no room":                                               Error,
		"2026-01-15 12:00:00, Error                 CBS    no room":              Error,
		"2026-01-15 12:00:00, Info                  CBS    an error is possible": Info,
		"<3>no room":     Error,
		"<4>little room": Warn,
		"<11>Jan 15 12:00:00 node-1 order: no room":                                         Error,
		"npm ERR! code ENOSPC":                                                              Error,
		"npm error code ENOSPC":                                                             Error,
		"npm WARN deprecated order@1":                                                       Warn,
		"fail: Shop.Orders[7]":                                                              Error,
		"warn: Shop.Orders[7]":                                                              Warn,
		"dbug: Shop.Orders[7]":                                                              Debug,
		"[12:00:00 ERR] no room":                                                            Error,
		"2026-01-15 12:00:00.123 +01:00 [WRN] little room":                                  Warn,
		"E, [2026-01-15T12:00:00.123456 #7] ERROR -- : no room":                             Error,
		"[E 260115 12:00:00 web:12] no room":                                                Error,
		"[W 2026-01-15 12:00:00.123 ServerApp] little room":                                 Warn,
		"[2026-01-15T12:00:00Z ERROR shop::order] no room":                                  Error,
		"2026-01-15T12:00:00.123456Z  WARN shop::order: little room":                        Warn,
		"[2026-01-15 12:00:00] production.ERROR: no room":                                   Error,
		"PHP Warning:  little room in /app/order.php on line 12":                            Warn,
		"[15-Jan-2026 12:00:00 UTC] PHP Fatal error:  no room in /app/order.php on line 12": Fatal,
		"PHP Notice:  an error is possible in /app/order.php":                               Info,
		"2026-01-15 12:00:00.123 UTC [7] FATAL:  no room":                                   Fatal,
		"2026-01-15T12:00:00.123456Z 0 [Warning] [MY-010068] [Server] little room":          Warn,
		"1:M 15 Jan 2026 12:00:00.123 # little room":                                        Warn,
		`{"t":{"$date":"2026-01-15T12:00:00Z"},"s":"E","c":"NETWORK","msg":"no room"}`:      Error,
		`{"severity":"WARNING","message":"little room"}`:                                    Warn,
		`{"level":"ERROR","msg":"no room"}`:                                                 Error,
		`{"@l":"Error","@m":"no room"}`:                                                     Error,
		`{"version":"1.1","short_message":"no room","level":3}`:                             Error,
		"ERRO[0012] no room":                                                                Error,
		"3:04PM ERR no room":                                                                Error,
		"2026-01-15T12:00:00.123Z\terror\torder\tno room":                                   Error,
		"ts=2026-01-15T12:00:00Z caller=order.go:12 level=error msg=\"no room\"":            Error,
		"time=2026-01-15T12:00:00Z level=ERROR+2 msg=\"no room\"":                           Error,
		"2026-01-15 12:00:00.123456 E | order: no room":                                     Error,
		"[2026-01-15 12:00:00.123][7][error][config] no room":                               Error,
		"[ALERT] 014/120000 (7) : no room":                                                  Fatal,
		"2026-01-15 12:00:00 +0000 [error]: #0 no room":                                     Error,
		"ERROR:root:no room":                                                                Error,
		"(ERROR) no room":                                                                   Error,
		"[2026-01-15 12:00:00,123: ERROR/MainProcess] no room":                              Error,
		"level: error, message: no room":                                                    Error,
		"12:00:00.123 [error] no room":                                                      Error,
		// Lines without a level.
		"I think that order 7 is an order": Unknown,
		"Info about the order":             Unknown,
		"order E of 7":                     Unknown,
		"E is a letter":                    Unknown,
		"<7 orders>":                       Unknown,
		"npm start":                        Unknown,
		"failed: 0, passed: 7":             Unknown,
		"[7] order placed":                 Unknown,
		"10.0.0.1 - - [15/Jan/2026:12:00:00 +0000] 200": Unknown,
	}
	wrong := 0
	for line, want := range formats {
		if got := LevelOf(line); got != want {
			wrong++
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
	t.Logf("%d of %d formats", len(formats)-wrong, len(formats))
}

func TestWhatFollowsAnErrorIsNotFolded(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"a plain line":              "ERROR no room\norder 8 placed",
		"a blank line":              "ERROR no room\n\norder 8 placed",
		"an error":                  "ERROR no room\nERROR no disk",
		"JSON":                      "ERROR no room\n{\"msg\":\"placed\"}",
		"the place of a statement":  "ERROR no room\n12:00:00 INFO at com.shop(7)",
		"a name with a colon":       "ERROR no room\ncom.shop.Order: placed",
		"a number sign":             "ERROR no room\n# orders",
		"a file that is no source":  "/app/order.js\n    indented",
		"a source without an error": "/app/order.js:12\nINFO ready\nINFO again",
	} {
		events := fold(lines)
		if len(events) < 2 || events[0].Lines != 1 && name != "a source without an error" {
			t.Errorf("%s: %s", name, told(events))
		}
	}
}
