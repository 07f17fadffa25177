graph [
  directed 1
  node [
    id 0
    label "sz"
    host_bandwidth_up "80 Mbit"
    host_bandwidth_down "1 Gbit"
  ]
  node [
    id 1
    label "hk"
    host_bandwidth_up "2 Mibit"
    host_bandwidth_down "2000000 bit"
  ]
  edge [
    source 0
    target 0
    latency "300 us"
    packet_loss 0.0
  ]
  edge [
    source 0
    target 1
    latency "4.5 ms"
    jitter "400 us"
    packet_loss 0.001
  ]
  edge [
    source 1
    target 0
    latency "6 ms"
    packet_loss 0.01
  ]
]
