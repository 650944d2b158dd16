package measure

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Write writes rows as a table, and their sums.
func Write(out io.Writer, rows []Row) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) //nolint:mnd // spaces between columns
	fmt.Fprintln(table, "SCENARIO\tIN PROMPT\tFOUND\tPROMPT TOKENS\tREQUESTS\tTOKENS\tCALLS\tREFUSED\tCONFIDENCE\tCITED\tDROPPED")
	var sum Row
	var prompts, found, cited int
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", r.Scenario, yes(r.InPrompt), yes(r.Found), r.PromptTokens,
			r.Requests, r.Tokens, r.Calls, r.Refused, or(string(r.Confidence)), yes(r.Cited), or(strings.Join(r.Dropped, ",")+r.Problem))
		prompts += count(r.InPrompt)
		found += count(r.Found)
		cited += count(r.Cited)
		sum.Causes += r.Causes
		sum.PromptTokens += r.PromptTokens
		sum.Requests += r.Requests
		sum.Tokens += r.Tokens
		sum.Calls += r.Calls
		sum.Refused += r.Refused
		sum.Answers += r.Answers
		sum.Dropped = append(sum.Dropped, r.Dropped...)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%d scenarios, %d root causes: what shows the cause is in the prompt of %d, "+
		"and found with tools in %d; %d cite it.\n"+
		"%d tokens for a prompt on average; %d requests, %d tokens, %d calls (%d refused); %d answers kept, %d dropped.\n",
		len(rows), sum.Causes, prompts, found, cited, sum.PromptTokens/max(sum.Causes, 1), sum.Requests, sum.Tokens, sum.Calls, sum.Refused,
		sum.Answers, len(sum.Dropped))
	return err
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func or(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}
