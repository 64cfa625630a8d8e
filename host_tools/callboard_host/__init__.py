"""The host side of callboard: the `callboard` command; each verb is a library call first."""
