/// Whose habits a sampler follows where programs differ.
package enum SamplingConvention: String, CaseIterable, Sendable {
    case diffusers
    case a1111
    case comfyui
}

/// Everything that decides a sampler's steps but their number and the model.
package struct SamplerSettings: Hashable, Sendable {
    package var kind: SamplerKind
    /// `nil` leaves the timesteps to `spacing`.
    package var layout: NoiseLayout?
    package var convention: SamplingConvention
    /// `nil` for the convention's: diffusers' is the model's, the others' is linspace.
    package var spacing: SchedulerConfig.TimestepSpacing?
    /// Whether the UNet is told whole timesteps; `nil` for the convention's.
    package var roundsTimesteps: Bool?
    /// How much fresh noise is added, from 0 to 1; `nil` for the method's own.
    package var eta: Double?

    package init(
        _ kind: SamplerKind, layout: NoiseLayout? = nil, convention: SamplingConvention = .diffusers,
        spacing: SchedulerConfig.TimestepSpacing? = nil, roundsTimesteps: Bool? = nil, eta: Double? = nil
    ) {
        self.kind = kind
        self.layout = layout
        self.convention = convention
        self.spacing = spacing
        self.roundsTimesteps = roundsTimesteps
        self.eta = eta
    }
}
