/// A sampler as users name it in a sweep, its schedule as a suffix.
///
/// The vocabulary that both sides share; the formulas live in the Diffusion module.
package enum SamplerName: String, CaseIterable, Codable, Sendable {
    case ddim
    case dpmpp2m = "dpmpp-2m"
    case dpmpp2mKarras = "dpmpp-2m-karras"
    case euler
    case eulerAncestral = "euler-a"
}
