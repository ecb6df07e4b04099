// A strap at the browser's edge: the Web Bluetooth interface, with a test holding the other end.
(() => {
  const characteristic = new EventTarget();
  characteristic.startNotifications = async () => characteristic;
  const device = new EventTarget();
  device.name = "Strap of the test";
  const strap = { reachable: true, connections: 0, available: true, refusal: null };
  device.gatt = {
    connected: false,
    connect: async () => {
      if (!strap.reachable) throw new DOMException("out of reach", "NetworkError");
      strap.connections += 1;
      document.documentElement.dataset.connections = String(strap.connections);
      device.gatt.connected = true;
      return { getPrimaryService: async () => ({ getCharacteristic: async () => characteristic }) };
    },
    disconnect: () => {
      device.gatt.connected = false;
    },
  };
  strap.send = (hex) => {
    const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    characteristic.value = new DataView(bytes.buffer);
    characteristic.dispatchEvent(new Event("characteristicvaluechanged"));
  };
  strap.drop = () => {
    strap.reachable = false;
    device.gatt.connected = false;
    device.dispatchEvent(new Event("gattserverdisconnected"));
  };
  window.strap = strap;
  Object.defineProperty(Navigator.prototype, "bluetooth", {
    configurable: true,
    get: () => ({
      getAvailability: async () => strap.available,
      requestDevice: async () => {
        if (strap.refusal) throw new DOMException(strap.refusal.message, strap.refusal.name);
        return device;
      },
    }),
  });
})();
