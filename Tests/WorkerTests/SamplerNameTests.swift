import Diffusion
import SharedModel
import Testing

/// The modules do not know each other, so nothing but this keeps their lists the same.
@Suite("Samplers by name")
struct SamplerNameTests {
    @Test("a sweep can name what Diffusion has, and nothing else")
    func names() {
        #expect(Set(SamplerName.allCases.map(\.rawValue)) == Set(SamplerKind.allCases.map(\.rawValue)))
    }
}
