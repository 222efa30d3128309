package events

// ForgettingChannel is the subject of what is forgotten. Its last sequence tells
// everybody who keeps names in memory whether they are still good.
const ForgettingChannel = "gateway.forgetting"

// PrivateGatewayForgetting says that an operator wants a private gateway to be
// forgotten. From then on nothing is recorded under its pseudonym but the ends of
// what still waits.
type PrivateGatewayForgetting struct {
	// Pseudonym is that under which the history has it.
	Pseudonym string `json:"pseudonym" private:"public"`
	// By is the operator, as the command named them, Reason is in their words. Both
	// stay readable: they must not name the private gateway.
	By     string `json:"by,omitempty" private:"public"`
	Reason string `json:"reason,omitempty" private:"public"`
}

// PrivateGatewayForgotten says that the key of a pseudonym was destroyed: nobody can
// tell any more whom it stood for, nor read what the history has of it.
type PrivateGatewayForgotten struct {
	Pseudonym string `json:"pseudonym" private:"public"`
	By        string `json:"by,omitempty" private:"public"`
	Reason    string `json:"reason,omitempty" private:"public"`
}

// EventType implements [Data].
func (PrivateGatewayForgetting) EventType() Type { return "private-gateway-forgetting.v1" }

// EventType implements [Data].
func (PrivateGatewayForgotten) EventType() Type { return "private-gateway-forgotten.v1" }

// Channel returns gateway.forgetting.
func (PrivateGatewayForgetting) Channel() string { return ForgettingChannel }

// Channel returns gateway.forgetting.
func (PrivateGatewayForgotten) Channel() string { return ForgettingChannel }

// AggregateID returns the pseudonym.
func (e PrivateGatewayForgetting) AggregateID() string { return e.Pseudonym }

// AggregateID returns the pseudonym.
func (e PrivateGatewayForgotten) AggregateID() string { return e.Pseudonym }
