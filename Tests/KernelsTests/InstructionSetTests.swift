import Kernels
import Testing

/// The forms of each kernel that this processor can run.
let availableInstructions = [InstructionSet.scalar, .avx2].filter(\.isAvailable)

@Suite struct InstructionSetTests {
    @Test func `plain C is always there`() { #expect(InstructionSet.scalar.isAvailable) }

    @Test func `automatic resolves to something available`() {
        #expect(InstructionSet.automatic.isAvailable)
        #expect(InstructionSet.best.isAvailable)
        #expect(InstructionSet.best != .automatic)
    }
}
