import type { ConnectedDevice, Device } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { connectionOf, stepWords, wayWords } from "../../devices/words";
import { theAvatar } from "../../node/avatar";
import { act } from "../../node/identity";
import { peers } from "../../node/peers";
import { Button, IconButton } from "../../ui/button";
import { ask } from "../../ui/confirm";
import { Icon } from "../../ui/icons";
import { sentence } from "../../ui/sentence";
import { shownTime } from "../../ui/time";

/** The devices that speak, or spoke, for the person. */
export function DeviceList({ devices, conflicts }: { devices: readonly Device[]; conflicts: readonly string[] }) {
  const editing = useSignal<string | undefined>(undefined);
  const remove = async (device: Device): Promise<void> => {
    if (!(await ask(`Remove “${device.name}”?`, "From now on it does not speak for you any more. That is written into a signed list that all your devices share, and cannot be undone; the device can be added again.", "Remove it", { danger: true }))) return;
    await act(theAvatar().identity.removeDevice(device.id));
  };
  const rename = async (device: Device, name: string): Promise<void> => {
    editing.value = undefined;
    if (name.trim() !== "" && name.trim() !== device.name) await act(theAvatar().identity.renameDevice(device.id, name.trim()));
  };
  return (
    <section class="card" aria-labelledby="devices-head">
      <h2 id="devices-head">Devices that speak for you</h2>
      <ul class="rows" data-testid="devices" data-count={devices.filter((device) => device.removedAt === undefined).length}>
        {devices.map((device) => {
          const connected = peers.value?.devices.find(({ id }) => id === device.id);
          return (
            <li key={device.id} data-testid="device" data-id={device.id} data-this={device.thisDevice} data-removed={device.removedAt !== undefined} data-connected={connected !== undefined} data-synced={connected?.inSync === true}>
              <Icon name="device" />
              {editing.value === device.id ? (
                <form
                  class="row-form"
                  onSubmit={(event) => {
                    event.preventDefault();
                    void rename(device, new FormData(event.currentTarget).get("name") as string);
                  }}
                >
                  <input name="name" autocomplete="off" data-testid="device-name" aria-label="Name of the device" maxLength={64} value={device.name} ref={(input) => input?.select()} onKeyDown={(event) => event.key === "Escape" && (editing.value = undefined)} />
                  <Button type="submit">Save</Button>
                </form>
              ) : (
                <span>
                  {device.name || (device.thisDevice ? "This device" : "A device")}
                  {device.thisDevice && <span class="pill">this one</span>}
                  {device.removedAt && <span class="pill">removed {shownTime(device.removedAt)}</span>}
                  <Standing device={device} connected={connected} />
                </span>
              )}
              {device.removedAt === undefined && editing.value !== device.id && (
                <>
                  <IconButton icon="pen" label={`Rename ${device.name || "the device"}`} data-testid="device-rename" onClick={() => (editing.value = device.id)} />
                  {!device.thisDevice && <IconButton icon="trash" label={`Remove ${device.name || "the device"}`} data-testid="device-remove" onClick={() => void remove(device)} />}
                </>
              )}
            </li>
          );
        })}
      </ul>
      {conflicts.length > 0 && (
        <div class="conflicts" role="status" data-testid="identity-conflicts" data-count={conflicts.length}>
          <h3 class="small-head">Your devices said things that exclude each other. This is how it was decided, everywhere alike:</h3>
          <ul class="lacking">
            {conflicts.map((conflict) => (
              <li key={conflict}>{sentence(conflict)}</li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}

/** How a device stands to this one, now. */
function Standing({ device, connected }: { device: Device; connected: ConnectedDevice | undefined }) {
  const state = peers.value;
  if (state !== undefined && connected !== undefined) {
    const connection = connectionOf(state, connected);
    return (
      <small class="standing" data-testid="device-standing">
        <span class="dot" data-on="true" aria-hidden="true" />
        Connected{connection ? ` ${wayWords(connection)}` : ""} · {stepWords(connected)}
      </small>
    );
  }
  const since = device.addedAt.getTime() > 0 ? `since ${shownTime(device.addedAt)}` : "";
  if (device.thisDevice || device.removedAt !== undefined || state === undefined) return since === "" ? null : <small>{since}</small>;
  return (
    <small class="standing" data-testid="device-standing">
      <span class="dot" data-on="false" aria-hidden="true" />
      Not connected now
    </small>
  );
}
