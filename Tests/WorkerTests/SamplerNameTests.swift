import Diffusion
import SharedModel
import Testing

/// The modules do not know each other, so nothing but this keeps their lists the same.
@Suite("What a sweep can name")
struct SamplerNameTests {
    private func names<Choice: CaseIterable & RawRepresentable>(_ type: Choice.Type) -> [String]
    where Choice.RawValue == String {
        Choice.allCases.map(\.rawValue).sorted()
    }

    @Test("is what Diffusion has, and nothing else")
    func names() {
        #expect(names(SamplerMethod.self) == names(SamplerKind.self))
        #expect(names(ScheduleName.self) == names(NoiseLayout.self))
        #expect(names(RenderProfile.self) == names(SamplingConvention.self))
        #expect(names(PromptSyntax.self) == names(PromptDialect.self))
        #expect(names(SharedModel.Emphasis.self) == names(EmphasisRule.self))
        #expect(names(SharedModel.NoiseSource.self) == names(Diffusion.NoiseSource.self))
        #expect(names(SharedModel.TimestepSpacing.self) == names(SchedulerConfig.TimestepSpacing.self))
    }
}
