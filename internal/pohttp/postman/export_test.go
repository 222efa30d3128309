package postman

// What tests look at from outside.
var (
	RetryAfter = retryAfter
	Public     = public
)
