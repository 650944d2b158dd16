package servers

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// OllamaModel is the name of the small model that StartOllama serves, and OllamaContext the length that it is loaded with.
const (
	OllamaModel   = "smollm2"
	OllamaContext = 2048
)

// Ollama is a running server.
type Ollama struct {
	*Process
	URL string
}

// StartOllama runs an Ollama with a small model, on loopback only. It needs a minute for an answer on a busy machine.
func StartOllama(t testing.TB) *Ollama {
	t.Helper()
	folder := Folder(t, "ollama")
	home := scratch(t)
	address := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	env := []string{
		"HOME=" + home, "OLLAMA_HOST=" + address, "OLLAMA_MODELS=" + filepath.Join(home, "models"), "OLLAMA_NUM_PARALLEL=1",
		"OLLAMA_KEEP_ALIVE=30m", "OLLAMA_NOPRUNE=1", "GOMAXPROCS=2",
	}
	path := filepath.Join(folder, "ollama")
	shell, line := leashed(path, "serve")
	url := "http://" + address
	process := Start(
		t, Spec{Name: "ollama", Path: shell, Args: line, Env: env, Dir: home, Ready: Answers(url + "/api/version"), Deadline: time.Minute},
	)
	create := exec.CommandContext(t.Context(), path, "create", OllamaModel, "-f", filepath.Join(folder, "Modelfile"))
	create.Env, create.Dir = env, folder
	run(t, create)
	return &Ollama{Process: process, URL: url}
}
