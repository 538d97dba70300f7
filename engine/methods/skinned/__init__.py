"""A skinned body as what is fitted: a shape, and joints that turn its bones, with the terms of the fit of `npm`."""
