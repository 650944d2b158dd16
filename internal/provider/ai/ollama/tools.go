package ollama

import (
	"encoding/json"
	"fmt"

	"github.com/ollama/ollama/api"

	"kubeops.io/kubeops/internal/provider/ai"
)

// toolsOf are the tools of a request as the API describes them.
func toolsOf(request ai.Request) (api.Tools, error) {
	var tools api.Tools
	for _, t := range request.Tools {
		function := api.ToolFunction{Name: t.Name, Description: t.Description}
		if err := json.Unmarshal(t.Parameters, &function.Parameters); err != nil {
			return nil, fmt.Errorf("tool %s: %w", t.Name, err)
		}
		tools = append(tools, api.Tool{Type: "function", Function: function})
	}
	return tools, nil
}

// messagesOf are the messages of a turn: the calls of the model, and a result of each.
func messagesOf(turn ai.Turn) []api.Message {
	assistant := api.Message{Role: "assistant"}
	var results []api.Message
	for i, call := range turn.Calls {
		one := api.ToolCall{ID: call.ID}
		one.Function = api.ToolCallFunction{Index: i, Name: call.Tool, Arguments: api.NewToolCallFunctionArguments()}
		var arguments map[string]any
		if json.Unmarshal(call.Arguments, &arguments) == nil {
			for name, value := range arguments {
				one.Function.Arguments.Set(name, value)
			}
		}
		assistant.ToolCalls = append(assistant.ToolCalls, one)
		results = append(results, api.Message{Role: "tool", ToolName: call.Tool, ToolCallID: call.ID, Content: turn.Results[i]})
	}
	return append([]api.Message{assistant}, results...)
}
