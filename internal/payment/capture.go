package payment

// MustBeHeld says why nothing can be captured or given up, or nil where the money is held.
func MustBeHeld(c Case) error {
	why := "no money is held"
	switch c.Request.State {
	case Authorized:
		return nil
	case Capturing:
		why = "it is being captured"
	}
	return Refuse("INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the payment because of its current status: "+why+".")
}

// Capturable says whether an amount can be captured, or why not: once, and at most what is held.
func Capturable(c Case, amount Money) error {
	if err := MustBeHeld(c); err != nil {
		return err
	}
	if amount.Minor > c.Request.Amount.Minor {
		return Refuse("CAPTURE_AMOUNT_EXCEEDED", "Capture amount specified in capture request must be less than or equal to uncaptured authorization amount.")
	}
	return nil
}
