graph [
  Network "Three cities and a cable, in the manner of the Topology Zoo"
  Source "http://example.org/?a=1&amp;b=2"
  DateYear "2010"
  label "Border"
  node [
    id 0
    label "Shenzhen"
    Country "China"
    Longitude 114.058
    Internal 1
    Latitude 22.543
  ]
  node [
    id 1
    label "Hong Kong"
    Country "China"
    Longitude 100.518
    Internal 1
    Latitude 30.131
  ]
  node [
    id 2
    label "Suzhou"
    Longitude 120.585
    Latitude 31.299
  ]
  node [
    id 3
    label "Suzhou"
    Longitude 120.62
    Latitude 31.32
  ]
  node [
    id 7
    label "Xi'an"
    hyperedge 1
  ]
  edge [
    source 0
    target 1
    LinkLabel "10 Gbit/s"
    id "e0"
  ]
  edge [
    source 1
    target 0
    id "e1"
  ]
  edge [
    source 0
    target 2
  ]
  edge [
    source 2
    target 3
  ]
  edge [
    source 2
    target 3
  ]
  edge [
    source 3
    target 7
  ]
  edge [
    source 7
    target 7
  ]
]
