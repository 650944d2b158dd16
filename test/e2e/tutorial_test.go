package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// step of the tutorial: commands, and the pieces of their output that the page shows, in their order.
type step struct {
	commands string
	output   []string
}

// tutorial reads the steps of docs/tutorial.md. The node has its own busybox, and no registry.
func tutorial() (steps []step) {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(repository(), "docs", "tutorial.md"))
	Expect(err).NotTo(HaveOccurred())
	page := strings.ReplaceAll(string(content), "docker.io/library/busybox:1.37", "kubeops.local/busybox:1")
	var language, block string
	for line := range strings.Lines(page) {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && language == "":
			language = fence
			block = ""
		case isFence:
			if language == "sh" {
				steps = append(steps, step{commands: block})
			} else {
				Expect(language).To(Equal("text"))
				last := &steps[len(steps)-1]
				last.output = append(last.output, strings.Split(strings.TrimSpace(block), "\n")...)
			}
			language = ""
		case language != "":
			block += line
		}
	}
	return steps
}

// shell runs commands as pasted into a terminal with kubectl and kubeops, and returns what they print in one line.
func (e *environment) shell(ctx context.Context, commands string) string {
	GinkgoHelper()
	command := exec.CommandContext(ctx, "bash", "-euc", commands)
	command.Env = append(os.Environ(), "KUBECONFIG="+e.kubeconfig, "PATH="+e.bin+":"+e.kube+":"+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s\n%s", commands, out)
	return strings.Join(strings.Fields(string(out)), " ")
}

var _ = Describe("the tutorial", func() {
	It("shows what its page says", func(ctx SpecContext) {
		DeferCleanup(func(ctx SpecContext) {
			env.kubectl(ctx, "delete", "namespace", "tutorial", "--wait=false", "--ignore-not-found")
		})
		steps := tutorial()
		compared := 0
		for _, s := range steps {
			rest := env.shell(ctx, s.commands)
			for _, piece := range s.output {
				_, after, found := strings.Cut(rest, strings.Join(strings.Fields(piece), " "))
				Expect(found).To(BeTrue(), "after\n%s\nis no %q in\n%s", s.commands, piece, rest)
				rest = after
				compared++
			}
		}
		Expect(len(steps)).To(BeNumerically(">", 5))
		Expect(compared).To(BeNumerically(">", 4))
	})
})
