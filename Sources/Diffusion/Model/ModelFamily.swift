/// The lines of models that share an architecture.
package enum ModelFamily: String, CaseIterable, Sendable {
    case stableDiffusion1 = "Stable Diffusion 1.x"
    case stableDiffusion2 = "Stable Diffusion 2.x"
    case stableDiffusionXL = "Stable Diffusion XL"
}
