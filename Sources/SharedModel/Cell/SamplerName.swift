/// A sampler as users name it in a sweep, its schedule as a suffix.
///
/// The vocabulary that both sides share; the formulas live in the Diffusion module.
package enum SamplerName: String, CaseIterable, Codable, Sendable {
    case ddim
    case dpmpp2m = "dpmpp-2m"
    case dpmpp2mKarras = "dpmpp-2m-karras"
    case euler
    case eulerAncestral = "euler-a"

    /// - Throws: A ``SweepProblem`` that names the nearest sampler and lists all of them.
    package init(named name: String) throws(SweepProblem) {
        guard let sampler = SamplerName(rawValue: name) else {
            let names = Self.allCases.map(\.rawValue)
            throw .unknownSampler(name, nearest: Nearest.match(for: name, among: names), all: names)
        }
        self = sampler
    }
}
