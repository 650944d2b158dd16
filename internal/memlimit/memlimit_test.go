package memlimit

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestTheLowestLimitOfTheCgroupsIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing":      {nil, math.MaxInt64},
		"no limit":     {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, math.MaxInt64},
		"a container":  {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"}, 256 << 20},
		"another path": {map[string]string{"proc/self/cgroup": "0::/kubepods/x\n", "sys/fs/cgroup/memory.max": "1048576\n"}, 1 << 20},
		"a parent": {map[string]string{
			"proc/self/cgroup": "0::/a/b/c\n", "sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/b/c/memory.max": "2000\n",
		}, 1000},
		"version 1": {map[string]string{
			"proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/y\n", "sys/fs/cgroup/memory/docker/y/memory.limit_in_bytes": "4096\n",
		}, 4096},
		"version 1 in a container": {map[string]string{
			"proc/self/cgroup": "4:memory:/docker/y\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "8192\n",
		}, 8192},
		"version 1 without a limit": {map[string]string{
			"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, math.MaxInt64},
		"not a number": {map[string]string{"proc/self/cgroup": "0::/../x\nx\n", "sys/fs/cgroup/memory.max": "many\n"}, math.MaxInt64},
	} {
		root := fstest.MapFS{}
		for path, content := range test.files {
			root[path] = &fstest.MapFile{Data: []byte(content)}
		}
		if got := cgroup(root); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}

func TestADetectedLimitIsPositive(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "") // only read at start
	if limit, known := Detect(); known != (limit < math.MaxInt64) || limit <= 0 {
		t.Errorf("got %d, known %v", limit, known)
	}
}
