/// Another program whose pictures are to come out: everything in which programs differ on the same seed and settings.
///
/// Each of its settings can be overridden by a key of the sweep file.
package enum RenderProfile: String, CaseIterable, Codable, Sendable {
    case diffusers
    case a1111
    case comfyui

    package var promptSyntax: PromptSyntax {
        switch self {
        case .diffusers: .plain
        case .a1111: .a1111
        case .comfyui: .comfyui
        }
    }

    package var noiseSource: NoiseSource {
        switch self {
        case .diffusers, .comfyui: .torchCPU
        case .a1111: .philox
        }
    }

    package var timestepRounding: TimestepRounding {
        switch self {
        case .diffusers, .comfyui: .rounded
        case .a1111: .fractional
        }
    }

    /// `nil` for what the model's scheduler config says.
    package var timestepSpacing: TimestepSpacing? {
        switch self {
        case .diffusers: nil
        case .a1111, .comfyui: .linspace
        }
    }

    package var pixelRounding: PixelRounding {
        switch self {
        case .diffusers: .nearest
        case .a1111, .comfyui: .truncate
        }
    }

    /// What SDXL is given for an empty negative prompt.
    package var emptyNegative: EmptyNegative {
        switch self {
        case .diffusers, .a1111: .zeros
        case .comfyui: .encoded
        }
    }
}

/// How a prompt's signs are read.
package enum PromptSyntax: String, CaseIterable, Codable, Sendable {
    /// As they stand; what is longer than the text encoder's window is cut.
    case plain
    /// `(x)`, `[x]`, `(x:1.2)`, `\(`, `BREAK`, `[from:to:when]`, `[a|b]`, in chunks of 75 tokens.
    case a1111
    /// `(x)`, `(x:1.2)`, `\(`, in chunks of 75 tokens.
    case comfyui

    /// How weights of words act in this dialect.
    package var emphasis: Emphasis {
        switch self {
        case .plain, .a1111: .restoredMean
        case .comfyui: .fromEmpty
        }
    }
}

/// What a word's weight does to its encoding.
package enum Emphasis: String, CaseIterable, Codable, Sendable {
    /// Multiplies it, and then brings the text's mean back to what it was: A1111's "Original".
    case restoredMean = "restored-mean"
    /// Multiplies it: A1111's "No norm".
    case multiplied
    /// Moves it away from the empty prompt's: ComfyUI's way.
    case fromEmpty = "from-empty"
    /// Nothing: the weights are read and forgotten.
    case ignored
}

/// Where the normal numbers of a seed come from.
package enum NoiseSource: String, CaseIterable, Codable, Sendable {
    /// As `torch.randn` on a CPU.
    case torchCPU = "torch-cpu"
    /// As `torch.randn` on a CUDA device, and A1111's "GPU" and "NV".
    case philox
}

/// Which timestep the UNet is told for a noise level between trained ones.
package enum TimestepRounding: String, CaseIterable, Codable, Sendable {
    case rounded
    case fractional
}

/// How a few timesteps are chosen among the trained ones: Table 2 of <https://arxiv.org/abs/2305.08891>.
package enum TimestepSpacing: String, CaseIterable, Codable, Sendable {
    case leading
    case linspace
    case trailing
}

/// What a UNet's output means.
package enum PredictionType: String, CaseIterable, Codable, Sendable {
    case epsilon
    case v
    case sample
}

/// How the picture's numbers become 8-bit ones.
package enum PixelRounding: String, CaseIterable, Codable, Sendable {
    case nearest
    case truncate
}

/// What a model with pooled text conditioning is given for an empty negative prompt.
package enum EmptyNegative: String, CaseIterable, Codable, Sendable {
    /// Zeros, as the model was trained.
    case zeros
    /// The encoding of the empty text.
    case encoded
}
