package openai

import (
	"encoding/json"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"

	"kubeops.io/kubeops/internal/provider/ai"
)

// toolsOf are the tools of a request as the API describes them.
func toolsOf(request ai.Request) []sdk.ChatCompletionToolUnionParam {
	var tools []sdk.ChatCompletionToolUnionParam
	for _, t := range request.Tools {
		var parameters map[string]any
		if json.Unmarshal(t.Parameters, &parameters) != nil {
			parameters = map[string]any{"type": "object"}
		}
		tools = append(tools, sdk.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: t.Name, Description: sdk.String(t.Description), Parameters: parameters,
		}))
	}
	return tools
}

// messagesOf are the messages of a turn: the calls of the model, and a result of each.
func messagesOf(turn ai.Turn) []sdk.ChatCompletionMessageParamUnion {
	assistant := &sdk.ChatCompletionAssistantMessageParam{}
	messages := []sdk.ChatCompletionMessageParamUnion{{OfAssistant: assistant}}
	for i, call := range turn.Calls {
		arguments := string(call.Arguments)
		if !json.Valid(call.Arguments) { // some servers parse them
			arguments = "{}"
		}
		assistant.ToolCalls = append(assistant.ToolCalls, sdk.ChatCompletionMessageToolCallUnionParam{
			OfFunction: &sdk.ChatCompletionMessageFunctionToolCallParam{
				ID: call.ID, Function: sdk.ChatCompletionMessageFunctionToolCallFunctionParam{Name: call.Tool, Arguments: arguments},
			},
		})
		messages = append(messages, sdk.ToolMessage(turn.Results[i], call.ID))
	}
	return messages
}
