#include "core/qparams/qparams_note.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace calipers {
namespace {

using ::testing::ElementsAre;

TEST(QParamsNotesTest, CountsEachTrapAndOutcomeFromItsFirstParameter) {
  QParamsNotes notes;
  notes.Add(QParamsTrap::kZeroRange, TrapOutcome::kFollowed, 3);
  notes.Add(QParamsTrap::kScaleUnderflow, TrapOutcome::kRepaired, 4);
  notes.Add(QParamsTrap::kZeroRange, TrapOutcome::kFollowed, 9);
  notes.Add(QParamsTrap::kZeroRange, TrapOutcome::kRepaired, 10);
  EXPECT_THAT(std::move(notes).Release(),
              ElementsAre(QParamsNote{QParamsTrap::kZeroRange, TrapOutcome::kFollowed, 2, 3},
                          QParamsNote{QParamsTrap::kScaleUnderflow, TrapOutcome::kRepaired, 1, 4},
                          QParamsNote{QParamsTrap::kZeroRange, TrapOutcome::kRepaired, 1, 10}));
}

TEST(NoteTextTest, NamesTheTrapTheParametersAndTheOutcome) {
  EXPECT_EQ(NoteText({QParamsTrap::kZeroRange, TrapOutcome::kFollowed, 2, 7}),
            "the range is [0, 0] (2 parameters, first 7): the scale is the epsilon of its dtype");
  EXPECT_EQ(NoteText({QParamsTrap::kGlobalScaleReset, TrapOutcome::kRepaired, 1, 0}),
            "2688 / absmax is not finite in the observed dtype (1 parameter, first 0): the global "
            "scale is that of the range");
  EXPECT_EQ(NoteText({QParamsTrap::kGlobalScaleZeroRange, TrapOutcome::kFollowed, 1, 0}),
            "the range behind the global scale is [0, 0] (1 parameter, first 0): the global scale "
            "is 1");
}

}  // namespace
}  // namespace calipers
