// Command aibench measures explanations on failures whose cause is stated: whether what shows the cause is in the prompt, and, with --url,
// what a model makes of it. `make bench-ai` runs it.
//
//	go run ./hack/aibench
//	go run ./hack/aibench --url http://127.0.0.1:11434 --type ollama --model qwen3:8b --investigate HighOrWorse
//	AIBENCH_API_KEY=... go run ./hack/aibench --url https://api.openai.com/v1 --model gpt-4o-mini --only lab-
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/explain/aibench/measure"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/builtin"
)

// keyVariable is the environment variable with the API key. A flag would show it in the list of processes.
const keyVariable = "AIBENCH_API_KEY"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "aibench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// settings of the command line.
type settings struct {
	url, kind, model, scenarios, only, language, investigate string
	context                                                  int64
	answer                                                   int
	timeout                                                  time.Duration
	alone, jsonObject                                        bool
}

func run(ctx context.Context, arguments []string, out, progress io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("aibench", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.StringVar(&s.url, "url", "", "URL of a server to ask; without it, only prompts are measured; the API key is read from "+
		keyVariable)
	flags.StringVar(&s.kind, "type", "openai", "openai (any compatible server) or ollama")
	flags.StringVar(&s.model, "model", "", "model to ask, required with --url")
	flags.StringVar(&s.scenarios, "scenarios", "internal/explain/aibench/testdata", "folder with scenarios")
	flags.StringVar(&s.only, "only", "", "only scenarios whose names begin with this")
	flags.StringVar(&s.language, "language", "en", "en or zh")
	flags.StringVar(&s.investigate, "investigate", "Unknown", "when the model may call tools: Never, Unknown or HighOrWorse")
	flags.Int64Var(&s.context, "context", 0, "length of the context in tokens (default 32000)")
	flags.IntVar(&s.answer, "answer", 0, "maximum length of an answer in tokens (default 1024)")
	flags.DurationVar(&s.timeout, "timeout", 5*time.Minute, "limit of one request")
	flags.BoolVar(&s.alone, "alone", false, "leave the background out of the prompts: only tools can show it")
	flags.BoolVar(&s.jsonObject, "json-object", false, "ask for JSON without a schema, for servers that support none")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	all, err := s.read()
	if err != nil {
		return err
	}
	o := measure.Options{
		ContextLength: s.context, AnswerTokens: s.answer, Language: v1alpha1.Language(s.language), FindingAlone: s.alone,
		Investigate: v1alpha1.Investigate(s.investigate),
	}
	if s.url != "" {
		model, err := s.open()
		if err != nil {
			return err
		}
		defer model.Close()
		o.Model = model
	}
	var rows []measure.Row
	for i, scenario := range all {
		if s.url != "" {
			fmt.Fprintf(progress, "%d/%d %s\n", i+1, len(all), scenario.Name)
		}
		row, err := measure.Run(ctx, scenario, o)
		if err != nil {
			return errors.Join(measure.Write(out, rows), err)
		}
		rows = append(rows, row)
	}
	return measure.Write(out, rows)
}

// read returns the scenarios to run.
func (s settings) read() ([]aibench.Scenario, error) {
	switch {
	case s.url != "" && s.model == "":
		return nil, errors.New("--url requires --model")
	case s.language != string(v1alpha1.LanguageEnglish) && s.language != string(v1alpha1.LanguageChinese):
		return nil, fmt.Errorf("--language %s must be en or zh", s.language)
	}
	switch v1alpha1.Investigate(s.investigate) {
	case v1alpha1.InvestigateNever, v1alpha1.InvestigateUnknown, v1alpha1.InvestigateHighOrWorse:
	default:
		return nil, fmt.Errorf("--investigate %s must be Never, Unknown or HighOrWorse", s.investigate)
	}
	all, err := aibench.Read(s.scenarios)
	if err != nil {
		return nil, err
	}
	var wanted []aibench.Scenario
	for _, scenario := range all {
		if strings.HasPrefix(scenario.Name, s.only) {
			wanted = append(wanted, scenario)
		}
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("folder %s has no scenarios whose names begin with %q", s.scenarios, s.only)
	}
	return wanted, nil
}

// open the model. Servers on this machine are allowed.
func (s settings) open() (ai.Model, error) {
	registry, err := builtin.Models()
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(map[string]string{"url": s.url})
	if err != nil {
		return nil, err
	}
	config, err := registry.Configure(s.kind, content)
	if err != nil {
		return nil, fmt.Errorf("--type %s: %w", s.kind, err)
	}
	model, err := config.Open(ai.Settings{
		Endpoint: provider.Endpoint{URL: s.url, Auth: provider.Auth{BearerToken: os.Getenv(keyVariable)}}, Model: s.model,
		ContextLength: s.context, JSONObject: s.jsonObject, Timeout: s.timeout,
		Egress: provider.Egress{AllowLoopback: true, DetailedDialErrors: true},
	})
	if err != nil {
		return nil, fmt.Errorf("--url: %w", err)
	}
	return model, nil
}
