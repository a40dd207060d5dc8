import Glibc

/// sin 2πx.
func sine(_ turns: Double) -> Double { sin(2 * Double.pi * turns) }

/// cos 2πx.
func cosine(_ turns: Double) -> Double { cos(2 * Double.pi * turns) }

/// log₁₀ x.
func logarithm(_ value: Double) -> Double { log10(value) }
