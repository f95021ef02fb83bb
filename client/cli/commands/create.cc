#include <iostream>
#include <memory>

#include "absl/strings/string_view.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/commands/spec_options.h"

namespace calipers::client {
namespace {

constexpr char kCreateFooter[] = R"(Examples:
  calipers create model.layers.0.mlp.up_proj/input --strategy group --group-size 128
  calipers create model.layers.0.self_attn/q --strategy attn_head --arithmetic reference

Creating the same session again with the same options is allowed. With other options it
is an error that names the difference. calipers observe creates sessions as needed.)";

struct CreateOptions {
  std::string session;
  SpecOptions spec;
};

int Create(const Global& global, const CreateOptions& options) {
  const absl::string_view text = options.session;
  const auto base_name = ParseBaseName(text.substr(text.rfind('/') + 1));
  if (!base_name.ok()) return Fail(base_name.status());
  if (const absl::Status usage = options.spec.Check({*base_name}); !usage.ok()) {
    return FailUsage(usage);
  }
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  v1::CreateSessionRequest request;
  request.set_parent(global.RunName());
  request.set_session_id(options.session);
  *request.mutable_session() = options.spec.ToSession(*base_name);
  const auto session = (*client)->CreateSession(request);
  if (!session.ok()) return Fail(session.status());
  if (global.json) {
    std::cout << ToJson(*session).dump() << '\n';
  } else {
    std::cout << session->name() << "  " << StrategyText(session->args()) << "  "
              << session->args().observer() << '\n';
  }
  return kDone;
}

}  // namespace

void AddCreate(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<CreateOptions>();
  CLI::App* command = app.add_subcommand("create", "Create a session");
  command->add_option("SESSION", options->session, "MODULE/BASE_NAME")->required();
  options->spec.AddTo(*command);
  command->footer(kCreateFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Create(global, *options); };
  });
}

}  // namespace calipers::client
